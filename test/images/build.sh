#!/usr/bin/env bash
# Builds images from Debian packages that stand in for the official ones where no container registry can be reached:
#
#   test/images/build.sh [mariadb] [mysql] [postgres]      (all three by default)
#
# Each becomes airlock-standin-<name>:debian in the daemon of DOCKER_HOST, in place of an earlier one. Debian 13 has the
# major versions of the default images mariadb:11 and postgres:17; MySQL is in Debian's unstable alone, in a newer major
# version than mysql:8.4. Needs root, debootstrap and docker; DEBIAN_MIRROR replaces the mirror. Takes one to two
# minutes and 600 MB of temporary files an image, and leaves nothing but the images.
set -euo pipefail
cd "$(dirname "$0")"

mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
work=$(mktemp -d)

cleanup() {
  # debootstrap that was interrupted leaves these mounted.
  for mount in "$work"/*/{proc,sys}; do
    if mountpoint -q "$mount"; then umount "$mount"; fi
  done
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# build NAME RELEASE ACCOUNT PACKAGES
build() {
  local name=$1 release=$2 account=$3 packages=$4 root=$work/$1 image=airlock-standin-$1:debian earlier
  printf '\n== %s: %s from Debian %s\n' "$name" "$packages" "$release"
  mkdir "$root"
  chmod 755 "$root"
  debootstrap --force-check-gpg --variant=minbase --include="$packages" "$release" "$root" "$mirror" >"$work/log" || {
    tail -n 20 "$work/log" "$root/debootstrap/debootstrap.log" >&2
    return 1
  }
  chroot "$root" id -u "$account" >/dev/null 2>&1 || chroot "$root" useradd --system --home-dir /nonexistent "$account"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale} \
    "$root"/var/lib/postgresql/*/ "$root"/var/lib/mysql
  install -m 755 docker-entrypoint.sh "$root/usr/local/bin/docker-entrypoint.sh"
  earlier=$(docker image ls -q "$image")
  tar -C "$root" --numeric-owner -c . |
    docker import -c 'ENTRYPOINT ["docker-entrypoint.sh"]' -c 'CMD ["server"]' - "$image"
  if [ -n "$earlier" ]; then docker image rm "$earlier" >/dev/null || echo "the earlier image $earlier is in use and stays"; fi
  rm -rf --one-file-system "$root"
}

docker version >/dev/null # no daemon: say so now
if (($# == 0)); then set -- mariadb mysql postgres; fi
for name; do
  case $name in
    mariadb) build mariadb trixie mysql mariadb-server-core,mariadb-client-core ;;
    mysql) build mysql sid mysql mysql-server-core,mysql-client-core ;;
    postgres) build postgres trixie postgres postgresql ;;
    *)
      echo "there is no stand-in for $name: mariadb, mysql or postgres" >&2
      exit 2
      ;;
  esac
done

// Stands for the native lock in the worker's bundle: its files are in a folder that no other process writes to, so it is
// enough that two writes of this one exclude each other.
const { fstatSync } = require('node:fs')

const held = new Map()

exports.tryLock = (fd) => {
  const { dev, ino } = fstatSync(fd)
  const file = `${dev}:${ino}`
  if ([...held.values()].includes(file)) return false
  held.set(fd, file)
  return true
}

exports.unlock = (fd) => {
  held.delete(fd)
}

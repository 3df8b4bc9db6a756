import type { FilesPort, OpenFilePort } from '../../src/sinks/private-files.js'
import { nodeFiles } from '../../src/sinks/private-files.js'

export type Operation = 'write' | 'read' | 'truncate' | 'datasync'

/** Decides what happens to the n-th operation (1 is the first): nothing, an errno, or a short write. */
export type FaultPlan = (n: number, operation: Operation, file: number) => string | undefined

/** The real files, with faults where the plan says so. A short write really stores half of the bytes; ENOSPC and EIO on
 * a write do so too before they fail, as a full disk does. */
export function faultyFiles(plan: FaultPlan): FilesPort & { readonly operations: [Operation, number][] } {
  const operations: [Operation, number][] = []
  let files = 0
  return {
    operations,
    async open(path, how) {
      const file = await nodeFiles.open(path, how)
      files += 1
      return faulty(file, files, operations, plan)
    },
  }
}

function faulty(file: OpenFilePort, id: number, operations: [Operation, number][], plan: FaultPlan): OpenFilePort {
  const next = (operation: Operation): string | undefined => {
    operations.push([operation, id])
    return plan(operations.length, operation, id)
  }
  const failUnlessGood = (fault: string | undefined): void => {
    if (fault !== undefined && fault !== 'short') throw errno(fault)
  }
  return {
    fd: file.fd,
    async write(bytes, offset, length) {
      const fault = next('write')
      if (fault === 'EAGAIN') throw errno(fault)
      if (fault === undefined) return await file.write(bytes, offset, length)
      const written = await file.write(bytes, offset, Math.floor(length / 2))
      failUnlessGood(fault)
      return written
    },
    async read(into, position) {
      failUnlessGood(next('read'))
      return await file.read(into, position)
    },
    async truncate(length) {
      failUnlessGood(next('truncate'))
      await file.truncate(length)
    },
    async datasync() {
      failUnlessGood(next('datasync'))
      await file.datasync()
    },
    close: () => file.close(),
  }
}

function errno(code: string): Error {
  return Object.assign(new Error(code), { code })
}

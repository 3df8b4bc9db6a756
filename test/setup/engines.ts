import { describe, inject, it } from 'vitest'
import { connectEngine, type Engine, type EngineName } from '../../src/testing/engines/index.js'
import type { EngineOffer } from './global.js'

/** A suite that needs real servers. `body` gets the engines that it names; where one is missing one skipped test says
 * why. The engines are shared by all suites: never stop or kill them (`startEngine` with
 * `binaryOnly` gives one that may be), and work in a database of your own (`createDatabase`). */
export function describeWith<N extends EngineName>(
  names: readonly N[],
  title: string,
  body: (engines: Record<N, Engine>) => void,
): void {
  const offers = inject('engines')
  const missing = names.map((name) => reason(offers[name])).filter((text) => text !== undefined)
  if (missing.length === 0) {
    const engines = Object.fromEntries(names.map((name) => [name, live(offers[name])])) as Record<N, Engine>
    describe(title, () => body(engines))
  } else {
    describe(title, () => it.runIf(false)(missing.join(', '), () => undefined))
  }
}

function reason(offer: EngineOffer): string | undefined {
  return 'missing' in offer ? offer.missing : undefined
}

function live(offer: EngineOffer): Engine {
  if ('missing' in offer) throw new Error(offer.missing)
  return connectEngine(offer.facts)
}

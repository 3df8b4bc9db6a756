/** Policies of the run itself, beside those of the drivers: name → words, the default first. */
export const RUN_POLICIES: Readonly<Record<string, readonly string[]>> = { null_cursor: ['error', 'include'] }

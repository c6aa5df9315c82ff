// The timers, which every platform has.
declare function setTimeout(work: () => void, milliseconds?: number): number

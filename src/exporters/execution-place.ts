/**
 * Where an exporter runs: on the event loop of an application, which its main thread or one of its own workers may have, or in the thread of this package,
 * which may block for a while and where nobody else's work waits.
 */
export type ExecutionPlace = 'event-loop' | 'thread';

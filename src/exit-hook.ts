/** What takes part in the end of the process. */
export interface ExitParticipant {
  /** The event loop has nothing left to do; what is done here may keep it running. Must not reject. */
  onBeforeExit(): Promise<void>;
  /** Nothing asynchronous happens on this thread any more. Called for everyone before the first `onExit`, so that several wait at the same time. Must not throw. */
  onExitBegin(): void;
  /** Waits for what can still be done, and says its last words. Must not throw. */
  onExit(): void;
}

interface ExitRegistry {
  readonly participants: Set<ExitParticipant>;
  rounds: number;
}

// One registry and one listener for the whole process, whatever the number of processors and copies of this package: more than ten listeners make Node warn.
const REGISTRY_KEY = Symbol.for('otel-log-queue.exit-hook.1');

// An application that logs in a `beforeExit` listener of its own would otherwise be asked again after each flush, for ever: Node emits the event whenever the loop runs empty.
const MAX_ROUNDS = 3;

/** Registers for `beforeExit` and `exit`; the returned function takes that back. */
export function onProcessExit(participant: ExitParticipant): () => void {
  const registry = findRegistry();
  registry.participants.add(participant);
  return () => void registry.participants.delete(participant);
}

function findRegistry(): ExitRegistry {
  const holder = globalThis as { [REGISTRY_KEY]?: ExitRegistry };
  return (holder[REGISTRY_KEY] ??= install());
}

function install(): ExitRegistry {
  const registry: ExitRegistry = { participants: new Set(), rounds: 0 };
  process.on('beforeExit', () => {
    if (registry.participants.size > 0 && registry.rounds < MAX_ROUNDS) {
      registry.rounds++;
      // In the next turn, so that what other listeners of this event log is covered too.
      setImmediate(() => {
        for (const participant of registry.participants) {
          void participant.onBeforeExit();
        }
      });
    }
  });
  process.on('exit', () => {
    for (const participant of registry.participants) {
      participant.onExitBegin();
    }
    for (const participant of registry.participants) {
      participant.onExit();
    }
  });
  return registry;
}

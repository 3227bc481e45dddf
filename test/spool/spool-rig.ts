import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { diag } from '@opentelemetry/api';
import { resolveSpoolOptions, type SpoolOptions } from '../../src/spool/spool-options';
import type { SpoolFileSystem } from '../../src/spool/spool-file-system';
import { SpoolStore } from '../../src/spool/spool-store';
import type { LossCounts } from '../../src/stats';
import { captureDiag } from '../support/capture-diag';
import { seqOf } from '../support/records';

/** A spool as a lane has it, with what it was told of losses. */
export interface Rig {
  readonly store: SpoolStore;
  readonly lost: LossCounts;
}

/** A folder for one test, and stores in it that are closed at its end. */
export class SpoolRig {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'otel-log-queue-spool-'));
  readonly directory = path.join(this.folder, 'spool');
  readonly diag = captureDiag();
  now = Date.now();
  readonly #stores: SpoolStore[] = [];

  make(owner: string, options: Partial<SpoolOptions> = {}, files?: SpoolFileSystem): Rig {
    const lost: LossCounts = {};
    const onLost = (reason: keyof LossCounts, count: number): void => void (lost[reason] = (lost[reason] ?? 0) + count);
    const store = new SpoolStore(resolveSpoolOptions('spool', { directory: this.directory, ...options }), 'otlp', owner, { onLost }, files, () => this.now);
    this.#stores.push(store);
    return { store, lost };
  }

  /** Opened, with nothing adopted. */
  open(owner: string, options: Partial<SpoolOptions> = {}, files?: SpoolFileSystem): Rig {
    const rig = this.make(owner, options, files);
    expect(rig.store.adopt()).toBe(0);
    return rig;
  }

  ownerFolder(owner: string): string {
    return path.join(this.directory, 'otlp', `${process.pid}-${owner}`);
  }

  /** The files and folders below the spool, from its lane folder on. */
  tree(): string[] {
    return fs.readdirSync(path.join(this.directory, 'otlp'), { recursive: true }).map(String).sort();
  }

  segments(owner: string): string[] {
    const folder = this.ownerFolder(owner);
    return fs.readdirSync(folder).filter((name) => name.endsWith('.jsonl')).sort().map((name) => path.join(folder, name));
  }

  end(): void {
    this.#stores.forEach((store) => store.close());
    fs.rmSync(this.folder, { recursive: true, force: true });
    this.diag.restore();
    diag.disable();
  }
}

/** Takes and acknowledges all that waits; the numbers of the records. */
export function drain(store: SpoolStore): number[] {
  const numbers: number[] = [];
  for (let taken = store.take(512, Infinity); taken !== undefined; taken = store.take(512, Infinity)) {
    numbers.push(...taken.records.map(seqOf));
    store.ack(taken.ticket);
  }
  return numbers;
}

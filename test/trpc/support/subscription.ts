/** What a subscriber is told, in order, as something to wait for and to compare. */
import type { TRPCClientError } from '@trpc/client';
import type { AppRouter } from './router.ts';
import { Stage } from './stage.ts';

interface Callbacks {
  readonly onStarted: () => void;
  readonly onData: (data: unknown) => void;
  readonly onError: (error: TRPCClientError<AppRouter>) => void;
  readonly onStopped: () => void;
  readonly onComplete: () => void;
  readonly onConnectionStateChange: (state: { readonly state: string; readonly error: unknown }) => void;
}

export class Subscriber {
  readonly told = new Stage();
  readonly data: unknown[] = [];
  readonly errors: TRPCClientError<AppRouter>[] = [];
  /** The errors that came with a change of the connection's state. */
  readonly connectionErrors: unknown[] = [];

  readonly callbacks: Callbacks = {
    onStarted: () => this.told.note('started'),
    onData: (data) => {
      this.data.push(data);
      this.told.note('data');
    },
    onError: (error) => {
      this.errors.push(error);
      this.told.note('error');
    },
    onStopped: () => this.told.note('stopped'),
    onComplete: () => this.told.note('complete'),
    onConnectionStateChange: ({ state, error }) => {
      if (error) this.connectionErrors.push(error);
      this.told.note(state);
    },
  };

  /** Everything that was told, repetitions of data left out. */
  get story(): string[] {
    return this.told.notes.filter((note, i, all) => note !== 'data' || all[i - 1] !== 'data');
  }
}

/**
 * Whatever a handler, the body that it answered, or `authorize` failed with. It is no Error and has no cause: a NenError
 * of the handler's own, from a call to another server, must not be sealed as a refusal of ours ('not-run', say).
 */
export class HandlerFailure {
  readonly error: unknown;
  constructor(error: unknown) {
    this.error = error;
  }
}

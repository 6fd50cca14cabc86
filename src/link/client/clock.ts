/**
 * The server's clock, as the client knows it (PROTOCOL.md, "Clock"): the authenticated `now` as of the
 * moment when the handshake arrived, carried on by a monotonic clock. It may lag behind the
 * server's, never lead: an adversary that delays the handshake can't push it into the future.
 */

/** The two clocks of a device, in milliseconds. */
export interface DeviceClock {
  /** Since the epoch; may jump. */
  wall(): number;
  /** Since any moment; never jumps, and may stand still while the device sleeps. */
  monotonic(): number;
}

export const deviceClock: DeviceClock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
};

/** Drift between the two clocks from which on the device is taken to have slept. */
const MAX_DRIFT_MS = 5_000;

export class ServerClock {
  readonly #serverNow: number;
  readonly #device: DeviceClock;
  readonly #wallAtStart: number;
  readonly #monotonicAtStart: number;

  constructor(serverNow: number, device: DeviceClock) {
    this.#serverNow = serverNow;
    this.#device = device;
    this.#wallAtStart = device.wall();
    this.#monotonicAtStart = device.monotonic();
  }

  /** Milliseconds since the epoch, whole. */
  now(): number {
    return Math.floor(this.#serverNow + this.#device.monotonic() - this.#monotonicAtStart);
  }

  /** Whether the device slept or its wall clock was set: then this clock can't be relied on. */
  drifted(): boolean {
    const wallMs = this.#device.wall() - this.#wallAtStart;
    const monotonicMs = this.#device.monotonic() - this.#monotonicAtStart;
    return Math.abs(wallMs - monotonicMs) > MAX_DRIFT_MS;
  }
}

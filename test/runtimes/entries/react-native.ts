/**
 * React Native's client side, as far as Node can be made to look like it: with its own fetch, whose answers don't
 * stream, or with expo/fetch, whose answers do. Prints a report.
 */
import { send } from '../react-native/globals.ts';
// What is evaluated from here on finds React Native's globals.

import { callChecks } from '../calls.ts';
import { runChecks } from '../check.ts';
import { IDENTITY_PIN } from '../identity.ts';
import { mode, origin, report } from '../react-native/remove.ts';
import { cryptography, ownGoldenChecks } from '../suite.ts';

const streams = mode === 'expo';
const golden = await runChecks(await ownGoldenChecks(GOLDEN_TRANSCRIPTS));
const calls = callChecks({ origin, pin: IDENTITY_PIN, send, streams, ends: true, forms: false });
report({ cryptography: await cryptography(), golden, client: await runChecks(calls) });

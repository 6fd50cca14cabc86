/** The browser of the end-to-end tests. */
import { findProgram, needProgram } from './program.mjs';

const CHROMIUM = {
  variable: 'CHROMIUM',
  names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  paths: ['Chromium', 'Google Chrome'].map((app) => `/Applications/${app}.app/Contents/MacOS/${app}`),
  debian: 'chromium',
  brew: '--cask chromium',
  purpose: 'the browser tests',
};

export const findChromium = () => findProgram(CHROMIUM);
export const needChromium = () => needProgram(CHROMIUM);

/** What anybody may know, and what only the staff's pages ask for. */

export const clinic = {
  name: 'Linden Clinic',
  opens: 'Monday to Friday, 08:00 to 18:00',
  visits: 'Ward visits daily, 14:00 to 19:00',
  changedAt: new Date('2026-11-02T09:00:00Z'),
};

const ROTA = [
  { doctor: 'Dr. Henrik Solberg', extension: '4417' },
  { doctor: 'Dr. Shreya Raman', extension: '4402' },
  { doctor: 'Dr. Camille Laurent', extension: '4431' },
] as const;

/** The doctor on call at a moment; shifts change every eight hours. */
export function onCall(now: Date): { doctor: string; extension: string; until: Date } {
  const shiftMs = 8 * 60 * 60 * 1000;
  const shift = Math.floor(now.getTime() / shiftMs);
  const { doctor, extension } = ROTA[shift % ROTA.length] ?? ROTA[0];
  return { doctor, extension, until: new Date((shift + 1) * shiftMs) };
}

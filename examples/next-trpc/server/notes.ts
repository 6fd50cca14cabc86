import { randomUUID } from 'node:crypto';
import type { Member } from './staff';

export interface Note {
  readonly id: string;
  readonly patient: string;
  readonly text: string;
  readonly author: string;
  readonly writtenAt: Date;
}

const MAX_NOTES = 40;
const HOUR_MS = 60 * 60 * 1000;

const invented: [hoursAgo: number, patient: string, text: string, author: string][] = [
  [
    2,
    'Marisol Vega',
    'Migraine since Tuesday, worse with light. Started sumatriptan 50 mg, asked her to write down triggers.',
    'Dr. Ngozi Okafor',
  ],
  [
    5,
    'Tomas Lindqvist',
    'Blood pressure 152/94 on three mornings. Amlodipine raised to 10 mg, recheck in two weeks.',
    'Dr. Henrik Solberg',
  ],
  [
    21,
    'Aylin Demir',
    'HIV viral load undetectable for the fourth time. Continue therapy, next bloods in six months.',
    'Dr. Shreya Raman',
  ],
  [
    29,
    'Joseph Adeyemi',
    'Low mood and poor sleep for two months. First appointment with the psychologist is booked.',
    'Dr. Ngozi Okafor',
  ],
];

/** Newest first. They live in this process and are gone with it. */
const notes: Note[] = invented.map(([hoursAgo, patient, text, author]) => ({
  id: randomUUID(),
  patient,
  text,
  author,
  writtenAt: new Date(Date.now() - hoursAgo * HOUR_MS),
}));

export function listNotes(): Note[] {
  return [...notes];
}

export function addNote(author: Member, patient: string, text: string): Note {
  const note = { id: randomUUID(), patient, text, author: author.name, writtenAt: new Date() };
  notes.unshift(note);
  notes.splice(MAX_NOTES);
  return note;
}

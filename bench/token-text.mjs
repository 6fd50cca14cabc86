/** A text such as a language model answers, and its tokens: the same ones in each run. */

const TEXT = `
Thank you for telling me about this. A headache that has lasted for three weeks deserves attention, even if each
single one of them is mild. Most headaches are harmless. The two kinds that people have most often are tension-type
headache and migraine, and they feel different. Tension-type headache presses like a band around the head, on both
sides, and hardly ever stops anybody from working. Migraine throbs, usually on one side, and comes with nausea or
with a dislike of light and noise. Does one of these descriptions sound like yours?

There is a third possibility that I would like to rule out. If you take ibuprofen, paracetamol or a triptan on more
than ten days of a month, the medicine itself can keep the headache going. Doctors call that medication-overuse
headache. It gets better when the medicine is stopped, but the first week without it is hard, so do it with your
doctor and not alone.

Some signs mean that you should not wait. Go to an emergency department today if the headache began suddenly and was
at its worst within a minute, if you have a fever and a stiff neck, if an arm or a leg is weak or numb, if your
speech is slurred, or if you see double. The same holds after a blow to the head, and for a new headache in
pregnancy or after the age of fifty. None of what you wrote points to any of these. I mention them because they are
easy to overlook.

Until your appointment, a diary helps more than anything else. Write down when the headache begins, where it hurts,
what you ate and drank, how you slept, and every tablet. Two weeks are enough to see a pattern. Drink water, keep
regular hours, and look away from the screen every twenty minutes. Coffee is fine if you have the same amount each
day; leaving it out at the weekend can bring on a headache of its own.

You also asked about your blood pressure. The reading of 148 over 92 that you gave is raised, but a single reading
says little, and pain alone can raise it. Measure it twice each morning and each evening for a week, sitting, with
your arm at the height of your heart, and leave out the first day when you take the average. Above 135 over 85 at
home, speak to your doctor about treatment. Please do not stop the lisinopril by yourself.

I am not a doctor, and I can't examine you. Is there anything in this that you would like me to explain again?
`;

const WORDS = TEXT.trim()
  .replaceAll(/\s*\n\n\s*/g, '\u0000')
  .replaceAll(/\s+/g, ' ')
  .replaceAll('\u0000', '\n\n');

/** Words with the space in front of them, and punctuation, as tokenizers of language models cut. */
export const tokens = WORDS.match(/\s*[\p{L}\p{N}'-]+|\s*[^\s\p{L}\p{N}]/gu) ?? [];

export const sentences = WORDS.split(/(?<=[.?])\s+/);

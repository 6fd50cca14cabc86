/** The server's identity in the runtime suite: a seed of the golden transcripts, and its pin. No secret. */
export const IDENTITY_SEED = 'KbcVy0sZNwE0JgYqhKW5Z17ydrBn3qJd8ZUjs6pZioY=';
export const IDENTITY_PIN = 'DBb0FcmhhraahfO8vEbCzTVN51qF7rBmcaKErARt1p8';

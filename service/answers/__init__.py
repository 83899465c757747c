"""From requests to answers, whoever carries them: routes, what they read and write, and what is counted."""

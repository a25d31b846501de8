"""The cost audit in every format: the same exact figures, rounded where they are shown."""

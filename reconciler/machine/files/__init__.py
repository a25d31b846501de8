"""Files of a machine that are carried to others: how they are listed, compared and packed."""

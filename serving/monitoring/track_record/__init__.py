"""The served predictions, kept for good and scored once what they were for has come."""

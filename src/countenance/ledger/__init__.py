"""The log of every act: append-only, signed, and verifiable without an archive."""

"""The first run: from an empty site to the first data, step by step, for somebody who has read nothing."""

"""Files on disk: the work folder with cached per-video results, atomic writing, provenance records, digests, verification, pruning."""

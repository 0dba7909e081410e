// Exists to own the precompiled header that all layers share.

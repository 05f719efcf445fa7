"""C kernels, compiled at installation where a compiler is there; everything also works without them.

They are compiled for every instruction set that they know and choose among them when imported, so a build
runs on any processor of its architecture. SKIM_HF_INSTRUCTIONS (avx512, avx2, neon_dot, neon
or portable) chooses by hand; for training, portable stands in for those of NEON.
"""

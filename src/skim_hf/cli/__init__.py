"""The command line `skim-hf`: a thin layer over runtime, results and hub; never imports torch."""

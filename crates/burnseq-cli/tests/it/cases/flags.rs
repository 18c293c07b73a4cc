//! Cases about command lines: refusals, recipes of fairseq, defaults.

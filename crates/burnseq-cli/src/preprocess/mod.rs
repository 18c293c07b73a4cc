//! The command line of `preprocess`: fairseq's flags onto [`burnseq_data`]'s preprocessing.

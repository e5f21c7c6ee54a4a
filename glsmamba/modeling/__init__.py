"""The modules of the network: encoders, GSM, STMM, LRM, head, and the model that joins them."""

"""The signer: a process of its own that alone holds the private keys, and signs within bounds of its own."""

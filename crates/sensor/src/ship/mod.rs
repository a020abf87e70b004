//! How does the server hear of it? Batches sent, acknowledged, sent again.

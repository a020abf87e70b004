//! Was it in the image? Programs that were not, and what is done about
//! them.

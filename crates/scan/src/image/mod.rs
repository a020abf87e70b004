//! Images: from wherever one lies to the facts of its layers.

pub(crate) mod archive;
pub(crate) mod folder;
mod layers;
mod plan;
mod stored;
pub(crate) mod stream;

pub(crate) use folder::bounded;
pub(crate) use layers::{BlobError, Blobs, Reader};
pub(crate) use plan::{LayerPlan, Place, Plan};
pub(crate) use stored::{Choice, DocumentError, Documents, resolve};

//! `containers.json` and `images.json` of the storage that Podman and
//! CRI-O share: names, and the image of each container.

use rules::syscall::Container;
use serde::Deserialize;

use super::image::{self, bytes};

pub(super) const MAX_LIST: u64 = 8 * 1024 * 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stored {
    id: String,
    names: Option<Vec<String>>,
    image: String,
    digest: String,
    metadata: String,
}

fn find(text: &[u8], id: &str) -> Option<Stored> {
    serde_json::from_slice::<Vec<Stored>>(text)
        .ok()?
        .into_iter()
        .find(|it| it.id == id)
}

/// Fills in name and image of a container.
pub(super) fn put(containers: &[u8], images: Option<&[u8]>, container: &mut Container) -> bool {
    let Some(stored) = std::str::from_utf8(&container.full_id)
        .ok()
        .and_then(|id| find(containers, id))
    else {
        return false;
    };
    if container.name.is_empty()
        && let Some(name) = stored.names.iter().flatten().next()
    {
        container.name = bytes(name);
    }
    if !stored.image.is_empty() {
        container.image_id = image::id(&stored.image);
    }
    if container.image.is_empty()
        && let Some(name) = image_name(&stored.metadata)
    {
        image::put(&name, container);
    }
    if let Some(image) = images.and_then(|images| find(images, &stored.image)) {
        if container.image.is_empty()
            && let Some(name) = image.names.iter().flatten().next()
        {
            image::put(name, container);
        }
        if container.digest.is_empty() {
            container.digest = bytes(&image.digest);
        }
    }
    true
}

/// A container's metadata is JSON within JSON.
fn image_name(metadata: &str) -> Option<String> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "kebab-case")]
    struct Metadata {
        image_name: String,
    }
    let metadata: Metadata = serde_json::from_str(metadata).ok()?;
    (!metadata.image_name.is_empty()).then_some(metadata.image_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_named_and_has_an_image() {
        let containers = br#"[{"id":"other","names":["x"],"image":"i2"},
            {"id":"abc","names":["shop","abc"],"image":"i1",
             "metadata":"{\"image-name\":\"docker.io/library/nginx:1.25\"}"}]"#;
        let images =
            br#"[{"id":"i1","digest":"sha256:ff","names":["docker.io/library/nginx:1.25"]}]"#;
        let mut container = Container {
            full_id: bytes("abc"),
            ..Container::default()
        };
        assert!(put(containers, Some(images), &mut container));
        assert_eq!(&*container.name, b"shop");
        assert_eq!(&*container.repository, b"docker.io/library/nginx");
        assert_eq!(
            (&*container.image_id, &*container.digest),
            (&b"i1"[..], &b"sha256:ff"[..])
        );
        container.full_id = bytes("nobody");
        assert!(!put(containers, None, &mut container));
        assert!(!put(b"{", None, &mut container));
    }
}

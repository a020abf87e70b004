//! Rebuilds the server when the dashboard or the demonstration change:
//! embedded files are read while compiling, which cargo cannot see.

fn main() {
    let root = std::path::Path::new("../..");
    for (folder, above) in [("ui/dist", "ui"), ("content/demo", "content")] {
        // Cargo takes a path that is not there for one that changed. Where it
        // will come to be, something changes when it does.
        let found = [folder, above]
            .map(|path| root.join(path))
            .into_iter()
            .find(|path| path.exists());
        if let Some(path) = found {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
}

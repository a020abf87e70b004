//! Rebuilds the server when the dashboard or the demonstration change:
//! embedded files are read while compiling, which cargo cannot see.

fn main() {
    let root = std::path::Path::new("../..");
    for folder in ["ui/dist", "content/demo"] {
        // Cargo takes a path that is not there for one that changed.
        let path = root.join(folder);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
}

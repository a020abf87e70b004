//! The demonstration environment.

use std::sync::Arc;

use crate::app::App;

pub(crate) async fn add(_app: &Arc<App>) -> Result<u64, store::StoreError> {
    Ok(0)
}

pub(crate) async fn remove(app: &Arc<App>) -> Result<(), store::StoreError> {
    app.store.remove_environment(crate::app::DEMO).await?;
    Ok(())
}

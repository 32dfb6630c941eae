//! How far each follower of the chain has come.

use collimate_chain::follower::Cursor;

use crate::{Store, StoreError};

impl Store {
    /// The cursor stored under this name; `None` at the very first start.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when what is stored is no cursor.
    pub async fn load_cursor(&self, name: &str) -> Result<Option<Cursor>, StoreError> {
        let stored = sqlx::query_scalar!("SELECT cursor FROM cursors WHERE name = $1", name);
        let Some(text) = stored.fetch_optional(&self.pool).await? else { return Ok(None) };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|e| StoreError::Inconsistent(format!("cursor {name} cannot be read: {e}")))
    }

    /// Stores a cursor. Call it after the effects of the event are stored: a cursor never passes an event that was not
    /// stored, and an event that comes again must change nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_cursor(&self, name: &str, cursor: &Cursor) -> Result<(), StoreError> {
        let text = serde_json::to_string(cursor)
            .map_err(|e| StoreError::Inconsistent(format!("cursor {name} has no form: {e}")))?;
        sqlx::query!(
            "INSERT INTO cursors (name, cursor) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET cursor = EXCLUDED.cursor, updated_at = now()",
            name,
            text
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

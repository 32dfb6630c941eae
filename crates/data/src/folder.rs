//! A folder that everybody may read.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::Path,
};

use collimate_objects::Objects;

use crate::DataError;

/// The file that says so.
const MARK: &str = "public";
const MARK_TEXT: &str = "Collimate's data service serves `objects` in this folder to everybody.\n";

/// Opens a folder for the files of batches, which everybody may read; makes it if absent. A batcher on the data service's machine
/// opens the same folder with this.
///
/// Aggregation mode keeps its users' proofs in a store of the same form. They are not public: proofs of a zkVM may tell more
/// about their inputs than their public values say. So a folder is taken only if it is marked as public, or has nothing in
/// it yet and is marked now.
///
/// # Errors
/// [`DataError::NotPublic`], [`DataError::Mark`], or what [`Objects::folder`] gives.
pub fn open_public_folder(folder: &Path) -> Result<Objects, DataError> {
    let objects = Objects::folder(folder)?;
    if !is_public(folder)? {
        let mark = folder.join(MARK);
        write_mark(&mark).map_err(|source| DataError::Mark { path: mark, source })?;
    }
    Ok(objects)
}

/// Whether [`open_public_folder`] would take this folder, which is neither made nor marked here.
///
/// # Errors
/// [`DataError::NotPublic`], [`DataError::Mark`].
pub fn check_public_folder(folder: &Path) -> Result<(), DataError> {
    is_public(folder).map(drop)
}

/// Whether it is marked. One that is not, and has objects, must not be.
fn is_public(folder: &Path) -> Result<bool, DataError> {
    let mark = folder.join(MARK);
    let failed = |source| DataError::Mark { path: mark.clone(), source };
    if mark.try_exists().map_err(failed)? {
        return Ok(true);
    }
    for part in ["objects", "outputs"] {
        if has_entries(&folder.join(part)).map_err(failed)? {
            return Err(DataError::NotPublic { folder: folder.to_owned() });
        }
    }
    Ok(false)
}

fn has_entries(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// On disk before the first object is.
fn write_mark(mark: &Path) -> io::Result<()> {
    let mut file = File::create(mark)?;
    file.write_all(MARK_TEXT.as_bytes())?;
    file.sync_all()?;
    mark.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_with_other_objects_is_not_served_unless_its_owner_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        check_public_folder(&own).unwrap();
        assert!(!own.exists(), "a check makes nothing");
        open_public_folder(&own).unwrap().put("a batch's").await.unwrap();
        open_public_folder(&own).unwrap();

        let private = folder.path().join("private");
        Objects::folder(&private).unwrap().put("a user's proof").await.unwrap();
        assert_eq!(check_public_folder(&private).unwrap_err().code(), "DAT-003");
        assert_eq!(open_public_folder(&private).unwrap_err().code(), "DAT-003");
        fs::write(private.join("public"), "").unwrap();
        open_public_folder(&private).unwrap();

        let jobs = folder.path().join("jobs");
        Objects::folder(&jobs).unwrap();
        fs::create_dir(jobs.join("outputs")).unwrap();
        fs::write(jobs.join("outputs/0"), "").unwrap();
        assert_eq!(open_public_folder(&jobs).unwrap_err().code(), "DAT-003");
    }
}

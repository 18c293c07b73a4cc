//! How a model asks to be decoded, as its checkpoint says.

use burnseq_search::GenerateOptions;
use burnseq_train::TaskInfo;

/// The field of the task in checkpoints.
const FIELD: &str = "generation";

/// The field of what the user should know of them.
const NOTES: &str = "generation_notes";

/// Puts options of the search, and what the user should know of them, into what a checkpoint says of its task.
pub(crate) fn insert(task: &mut TaskInfo, options: &GenerateOptions, notes: &[String]) {
    let options = serde_json::to_value(options).expect("plain data is JSON");
    task.fields.insert(FIELD.to_owned(), options);
    if !notes.is_empty() {
        task.fields.insert(NOTES.to_owned(), notes.into());
    }
}

/// What the user should know of the options that a checkpoint asks for: what else the model asked for.
pub fn notes_of_task(task: &TaskInfo) -> Vec<String> {
    let notes = task.fields.get(NOTES).and_then(|notes| notes.as_array());
    let notes = notes.into_iter().flatten().filter_map(|note| note.as_str());
    notes.map(str::to_owned).collect()
}

/// The options of the search that a checkpoint asks for; none where it asks for nothing.
///
/// # Errors
/// An option that there is not, or with a value of another kind.
pub fn of_task(task: &TaskInfo) -> Result<Option<GenerateOptions>, String> {
    let Some(options) = task.fields.get(FIELD) else {
        return Ok(None);
    };
    serde_json::from_value(options.clone())
        .map(Some)
        .map_err(|error| format!("'{FIELD}' in the checkpoint: {error}"))
}

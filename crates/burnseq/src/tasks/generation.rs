//! How a model asks to be decoded, as its checkpoint says.

use burnseq_search::GenerateOptions;
use burnseq_train::TaskInfo;

/// The field of the task in checkpoints.
const FIELD: &str = "generation";

/// Puts options of the search into what a checkpoint says of its task.
pub(crate) fn insert(task: &mut TaskInfo, options: &GenerateOptions) {
    let options = serde_json::to_value(options).expect("plain data is JSON");
    task.fields.insert(FIELD.to_owned(), options);
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

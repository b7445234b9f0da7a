//! How many questions the records are asked at once, and by whom: nobody who sees one account alone keeps others
//! waiting, and operators always find room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use shared::origin::Origin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::records::Records;

/// In all: of the connections for what is looked at one is left for exports and health.
const ALL: usize = Records::READING as usize - 1;
/// By those who see one account alone, of whichever: one is left for those who see everything.
const OF_TENANTS: usize = ALL - 1;
/// By those who see the same account.
const OF_EACH: usize = 1;

/// Who may ask next.
pub(super) struct Questions {
    all: Arc<Semaphore>,
    of_tenants: Arc<Semaphore>,
    /// Of accounts that somebody asks about now.
    of_each: Mutex<HashMap<Origin, Arc<Semaphore>>>,
}

/// The right to one question, until it is dropped.
pub(super) struct Turn(#[expect(dead_code, reason = "what is held")] Vec<OwnedSemaphorePermit>);

impl Default for Questions {
    fn default() -> Self {
        let room = |most| Arc::new(Semaphore::new(most));
        Self { all: room(ALL), of_tenants: room(OF_TENANTS), of_each: Mutex::default() }
    }
}

impl Questions {
    /// Waits until there is room for one more of those who see `origin` alone, or everything.
    pub(super) async fn turn(&self, origin: Option<&Origin>) -> Turn {
        let mut rooms = Vec::new();
        if let Some(origin) = origin {
            // Its own first: whoever waits there takes nobody else's room.
            rooms.push(self.of(origin));
            rooms.push(Arc::clone(&self.of_tenants));
        }
        rooms.push(Arc::clone(&self.all));
        let mut held = Vec::new();
        for room in rooms {
            // Nobody closes one.
            held.extend(room.acquire_owned().await.ok());
        }
        Turn(held)
    }

    fn of(&self, origin: &Origin) -> Arc<Semaphore> {
        let mut each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        // Who waits there, or has a permit of it, has it too.
        each.retain(|known, room| known == origin || Arc::strong_count(room) > 1);
        let room = each.entry(origin.clone()).or_insert_with(|| Arc::new(Semaphore::new(OF_EACH)));
        Arc::clone(room)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn ask(questions: &Questions, portal: Option<u64>) -> Option<Turn> {
        let origin = portal.map(Origin::hubspot);
        questions.turn(origin.as_ref()).now_or_never()
    }

    #[test]
    fn who_sees_one_account_takes_no_room_from_others() {
        let questions = Questions::default();
        let one = ask(&questions, Some(1));
        assert!(one.is_some() && ask(&questions, Some(1)).is_none(), "one at a time");
        let other = ask(&questions, Some(2));
        assert!(other.is_some() && ask(&questions, Some(3)).is_none(), "two of all accounts");
        let operator = ask(&questions, None);
        assert!(operator.is_some(), "operators find room");
        drop(one);
        assert!(ask(&questions, Some(3)).is_some());
        assert!(ask(&questions, Some(1)).is_some());
        drop((other, operator));
        let operators: Vec<_> = (0..4).filter_map(|_| ask(&questions, None)).collect();
        assert_eq!(operators.len(), ALL, "where no tenant asks they have all of it");
        drop(operators);
        assert!(ask(&questions, Some(7)).is_some());
        let known = questions.of_each.lock().unwrap_or_else(PoisonError::into_inner).len();
        assert_eq!(known, 1, "those who ask are remembered, and no others");
    }
}

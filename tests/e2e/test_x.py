import time
def test_x(host):
    t=time.time()
    d=host.device()
    r=d.enrol("CN=a", [], host.challenge("CN=a"))
    print(r, time.time()-t)
    assert r.status == "0"
def test_y(rsa_host):
    d=rsa_host.device()
    r=d.enrol("CN=a", [], rsa_host.challenge("CN=a"))
    print(r)

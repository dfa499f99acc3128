import './base.css';
import './create.css';
import './s3.css';
import './compare.css';
import './statusbar.css';
import './logs.css';
